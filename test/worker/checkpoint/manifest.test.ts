import test from 'ava';
import { jsonLimits } from '../../../crds/text/json.ts';
import { checkpointManifest, parseManifest } from '../../../worker/checkpoint/manifest.ts';
import { aManifest } from '../../builders/checkpoint.ts';

const path = 'run/step-3/manifest.json';
const maxBytes = jsonLimits.checkpointManifest.bytes;
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const refusal = (bytes: Uint8Array) => () => parseManifest(bytes, path);

test('a manifest comes back as it was written', (t) => {
  const manifest = aManifest('content');
  t.deepEqual(parseManifest(encode(manifest), path), manifest);
});

test('what the trainer has put into its state is not looked at', (t) => {
  const state = { step: 3, nested: { of: ['any', null, 4] } };
  t.deepEqual(parseManifest(encode(aManifest('', { state })), path).state, state);
});

const { files, tensors } = aManifest();
const refused: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  'of another version': [
    { ...aManifest(), version: 1 },
    /is not a checkpoint manifest of version 2: version /,
  ],
  'without files': [aManifest('', { files: [] }), /: files /],
  'with half a step': [{ ...aManifest(), step: 1.5 }, /: step /],
  'with a step below 0': [{ ...aManifest(), step: -1 }, /: step /],
  'with a digest that is none': [
    aManifest('', { files: [{ ...files[0]!, sha256: 'abc' }] }),
    /: files\.0\.sha256 /,
  ],
  'with a file outside its folder': [
    aManifest('', { files: [{ ...files[0]!, name: '../../secret' }] }),
    /: files\.0\.name /,
  ],
  'with a file twice': [aManifest('', { files: [files[0]!, files[0]!] }), / lists a file twice$/],
  'with a tensor in a file that is not listed': [
    aManifest('', { tensors: [{ ...tensors[0]!, file: 'other' }] }),
    / puts w into other, which it does not list$/,
  ],
  'with a piece of another rank than its start': [
    aManifest('', { tensors: [{ ...tensors[0]!, start: [0] }] }),
    / gives w a start of another rank than its shape$/,
  ],
  'that is a list': [[aManifest()], / is not a checkpoint manifest/],
  'that is null': [null, / is not a checkpoint manifest/],
};

for (const [what, [value, message]] of Object.entries(refused)) {
  test(`a manifest ${what} is refused as a damaged checkpoint, with its path`, (t) => {
    const error = t.throws(refusal(encode(value)), { code: 'E_CHECKPOINT_CORRUPTED', message });
    t.true(error?.message.startsWith(path));
  });
}

test('a manifest cut off at any byte is refused', (t) => {
  const whole = encode(aManifest('content'));
  for (let end = 0; end < whole.length; end += 1) {
    t.throws(refusal(whole.subarray(0, end)), { code: 'E_CHECKPOINT_CORRUPTED' }, String(end));
  }
});

test('bytes that are no text, and more than a manifest can have, are refused', (t) => {
  t.throws(refusal(Uint8Array.of(0x7b, 0xff, 0x7d)), {
    message: / is not UTF-8 text; the file was cut/,
  });
  t.throws(refusal(new Uint8Array(maxBytes + 1)), {
    message: `${path} has ${maxBytes + 1} bytes; at most ${maxBytes} are read; the file was cut off or overwritten`,
  });
});

test('a manifest that is read can be written again', (t) => {
  t.true(checkpointManifest.safeParse(parseManifest(encode(aManifest()), path)).success);
});
