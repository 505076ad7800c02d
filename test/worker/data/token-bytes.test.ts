import test from 'ava';
import fc from 'fast-check';
import {
  fromByteAlphabet,
  fromSentencePiece,
  plainSpaces,
  toByteAlphabet,
} from '../../../worker/data/token-bytes.ts';
import { anyText } from '../../builders/any-text.ts';

test('Any text goes through the byte alphabet and back', (t) => {
  fc.assert(
    fc.property(anyText(), (text) => {
      const spelled = toByteAlphabet(text);
      t.deepEqual(fromByteAlphabet(spelled), new Uint8Array(Buffer.from(text)));
      t.notRegex(spelled, /[\s\p{C}]/u);
    }),
  );
});

test('A character outside of the byte alphabet is told', (t) => {
  t.is(fromByteAlphabet('a▁'), undefined);
  t.is(fromByteAlphabet('日'), undefined);
});

test('Sentencepiece tokens are text with ▁ for a space, or one byte', (t) => {
  const text = (token: string) => Buffer.from(fromSentencePiece(token)).toString('latin1');
  t.is(text('▁the'), ' the');
  t.is(text('<0x0A>'), '\n');
  t.is(text('<0xFF>'), '\u00ff');
  t.is(text('<0xGG>'), '<0xGG>');
  t.is(plainSpaces('a▁b'), 'a b');
});
