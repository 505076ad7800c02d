// Bytes of sounds in a step, beside what blocks keep of them.
import { blockBytes } from './block-bytes.ts';
import { blockKinds } from './block-kinds.ts';
import type { MemoryQuestion } from './memory-question.ts';
import { valueBytes } from './static-bytes.ts';

interface SideBytes {
  /** What blocks read beside their stream, and what that was made of. */
  readonly kept: number;
  /** Its gradient, in float32. */
  readonly gradient: number;
}

interface HeardBytes {
  /** Frames, and the states of the encoder with what they are made of. */
  readonly kept: number;
  /** Of a block of the decoder, made of those states. */
  readonly keysAndValues: number;
  /** Of a block of the encoder. */
  readonly working: number;
  /** While they are written down: keys and values of all blocks of the decoder. */
  readonly written: number;
}

/** Of the sounds of a micro-batch that pass forward without a tape. */
export function heardBytes(question: MemoryQuestion): HeardBytes {
  const { facts, method, soundTokens = 0 } = question;
  if (facts.kind !== 'speech') return { kept: 0, keysAndValues: 0, working: 0, written: 0 };
  const states = soundTokens * facts.H * valueBytes(method);
  const [encoder] = blockKinds(question);
  return {
    kept: 2 * states + soundBytes({ ...question, perWave: 1 }),
    keysAndValues: 2 * states,
    written: (facts.L - facts.encoderBlocks) * 2 * states,
    working: blockBytes(question, encoder).forwardWorking,
  };
}

/** Of all micro-batches that pass a block before the next one. */
export function sideBytes({ facts, method, perWave, soundTokens = 0 }: MemoryQuestion): SideBytes {
  if (facts.kind !== 'speech') return { kept: 0, gradient: 0 };
  const values = perWave * soundTokens * facts.H;
  return { kept: 2 * values * valueBytes(method), gradient: 4 * values };
}

/**
 * Frames, two for each token, in the type of the model, and on a processor the float32 values that
 * they were made of, which the loader still holds.
 */
export function soundBytes(question: MemoryQuestion): number {
  const { facts, method, device, perWave, soundTokens = 0 } = question;
  if (facts.kind !== 'speech') return 0;
  const ofLoader = device.type === 'cpu' ? 4 : 0;
  return perWave * soundTokens * 2 * facts.mels * (valueBytes(method) + ofLoader);
}
