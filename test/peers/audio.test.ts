// Sound and transcripts against transformers and jiwer: features of Whisper's extractor (NumPy),
// its normaliser, and word errors.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { logMel } from '../../worker/data/audio/log-mel.ts';
import { decodeWav } from '../../worker/data/audio/wav.ts';
import { normalizedWords, wordErrors } from '../../worker/data/audio/word-error-rate.ts';
import { askPeer } from './ask-peer.ts';

interface Cases {
  readonly mel: readonly {
    readonly name: string;
    readonly filters: number;
    readonly frames: number;
    readonly values: string;
    readonly shape: readonly number[];
  }[];
  readonly words: readonly (readonly [reference: string[], heard: string[]])[];
  readonly errors: number;
  readonly rate: number;
  readonly jiwer: readonly number[];
}

const clips = [
  ['He hoped there would be stew for dinner.', 'he hoped there would be stew for dinner'],
  ['turnips and carrots', 'turnip and some carrots'],
  ["I don't know, Mr. Smith-Jones!", 'I do not know mister smith jones'],
  ['[noise] (laughs) well… <unk> yes', 'Well yes yes'],
  ['ÉCOLE ﬁne ½ naïve Straße İstanbul', 'école fine naive strasse istanbul'],
  ['你好 世界 हिन्दी', '你好 世间 हिन्दी'],
  ['', 'thank you'],
  ['(silence)', ''],
  ['one two three four five', ''],
  ['a b c d e f g', 'b c x e g h i'],
  ['a ((b) c) [d [e] f] g () h <i', 'a c f () (x) [] h i'],
  ['€5 + 3% = what?', '5 3 what'],
] as const;

let folder = '';
let cases: Cases;
test.before(async (t) => {
  t.timeout(5 * 60_000);
  folder = await mkdtemp(join(tmpdir(), 'anneal-audio-'));
  await writeFile(join(folder, 'clips.json'), JSON.stringify(clips));
  await askPeer('audio_peer.py', [folder]);
  cases = JSON.parse(await readFile(join(folder, 'cases.json'), 'utf8'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

test('samples of WAV files are those that were written', async (t) => {
  for (const name of new Set(cases.mel.map((each) => each.name))) {
    const samples = decodeWav(await readFile(join(folder, `${name}.wav`)));
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    t.is(Buffer.compare(bytes, await readFile(join(folder, `${name}.pcm`))), 0, name);
  }
});

test('features are those of the extractor of Whisper within 1e-5', async (t) => {
  t.is(cases.mel.length, 21);
  for (const { name, filters, frames, values: file, shape } of cases.mel) {
    const { values } = logMel(
      decodeWav(await readFile(join(folder, `${name}.wav`))),
      filters,
      frames,
    );
    const { buffer, byteOffset, byteLength } = await readFile(join(folder, file));
    const theirs = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    t.deepEqual([...shape], [filters, frames]);
    const gap = values.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (theirs[i] ?? Number.NaN))),
      0,
    );
    t.true(gap <= 1e-5, `${name}, ${filters} filters, ${frames} frames: ${gap}`);
    t.log(`${name}, ${filters} filters, ${frames} frames: ${gap}`);
  }
});

test('words are those of the normaliser of Whisper', (t) => {
  for (const [index, texts] of clips.entries()) {
    t.deepEqual(texts.map(normalizedWords), cases.words[index]);
  }
});

test('word errors are those of jiwer, of each clip and of all', (t) => {
  const ours = clips.map(([reference, heard]) => wordErrors([{ reference, heard }]));
  const said = ours.filter(({ words }) => words > 0);
  t.deepEqual(
    said.map(({ errors }) => errors),
    cases.jiwer.map(Math.round),
  );
  const all = wordErrors(clips.map(([reference, heard]) => ({ reference, heard })));
  t.is(all.emptyReferences, 2);
  t.is(all.errors, cases.errors);
  t.true(Math.abs((all.rate ?? Number.NaN) - cases.rate) < 1e-12);
});
