// What a model writes of held-out sounds, against what is said in them. The tokenizer is loaded
// only where a job has sounds.
import { setImmediate } from 'node:timers/promises';
import type { RunRecord } from '../../crds/wire/run-folder.ts';
import type { WordErrors } from '../../crds/wire/word-errors.ts';
import { wordErrors } from '../data/audio/word-error-rate.ts';
import type { Feed } from '../data/feed.ts';
import { createTokenizer } from '../data/tokenizer.ts';
import type { ModelFiles } from '../decoder/model-files.ts';
import { transcribe } from '../decoding/transcribe.ts';
import type { Model } from '../engine/model.ts';
import type { HostSequence } from '../engine/packed-sequence.ts';
import type { World } from '../engine/world.ts';
import { soundRules } from '../prepare/sound-rules.ts';
import { mostShown } from './found-classes.ts';
import type { Sample, WriteSamples } from './parts.ts';

/** More say little about a rate, and take long. */
const mostSounds = 128;

/** Null when `stopped`; undefined where nothing is said. */
export type WriteWords = (stopped: () => boolean) => Promise<WordErrors | null | undefined>;

interface WrittenWords {
  readonly writeWords: WriteWords;
  /** What it wrote of the first sounds when it was last called. */
  readonly heard: WriteSamples;
}

export async function writtenWordsOf(
  { spec }: RunRecord,
  files: ModelFiles,
  feed: Feed,
  model: Model,
  world: World,
): Promise<WrittenWords> {
  const nothing = { writeWords: async () => undefined, heard: async () => [] };
  if (spec.model.task !== 'SpeechToText') return nothing;
  const {
    before,
    end,
    tokenizer: definition,
    sequenceLength,
  } = await soundRules(spec, files.headers);
  const tokenizer = createTokenizer(definition);
  const rules = { before, end, most: sequenceLength, world };
  let shown: readonly Sample[] = [];
  const writeWords: WriteWords = async (stopped) => {
    const clips: { reference: string; heard: string }[] = [];
    for (const sequence of feed.evaluationSequences()) {
      if (clips.length >= mostSounds) break;
      // A request to stop is received here.
      await setImmediate();
      if (stopped()) return null;
      const written = transcribe(model, sequence, rules);
      for (const [n, said] of saidIn(sequence, end).entries()) {
        clips.push({
          reference: tokenizer.decode(said),
          heard: tokenizer.decode(written[n] ?? []),
        });
      }
    }
    const { errors, words } = wordErrors(clips);
    shown = clips.slice(0, mostShown).map(({ reference, heard }) => ({
      prompt: reference.trim(),
      text: heard.trim(),
    }));
    return words === 0 ? undefined : { errors, words };
  };
  return { writeWords, heard: async () => shown };
}

/** Tokens of the texts of a sequence, without those before and the end. */
function saidIn({ labels, offsets }: HostSequence, end: number): readonly (readonly number[])[] {
  return [...offsets.subarray(1)].map((to, n) =>
    [...labels.subarray(offsets[n], to)].filter((label) => label >= 0 && label !== end),
  );
}
