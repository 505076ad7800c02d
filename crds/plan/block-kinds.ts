// The blocks of a model by what they compute with: all alike, or of Whisper those of the encoder
// and of the decoder, whose sequences have other numbers of tokens.
import type { Linear } from '../methods/linears.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import type { SpeechFacts } from './model-facts.ts';

export interface BlockKind {
  readonly blocks: number;
  /** Of a micro-batch. */
  readonly tokens: number;
  /** Of a micro-batch, tokens of other states that each of the blocks reads. */
  readonly read: number;
  /** Values of each token. */
  readonly tape: (typeof memoryConstants.tape)[keyof typeof memoryConstants.tape];
  readonly working: (typeof memoryConstants.working)[keyof typeof memoryConstants.working];
  /** Whether they have the layer. */
  has(linear: Linear): boolean;
}

type Asked = Pick<MemoryQuestion, 'facts' | 'microBatchTokens' | 'soundTokens'>;

/** In the order of computation. */
export function blockKinds({ facts, microBatchTokens, soundTokens = 0 }: Asked) {
  if (facts.kind === 'speech') return ofSpeech(facts, microBatchTokens, soundTokens);
  const all: BlockKind = {
    ...{ blocks: facts.L, tokens: microBatchTokens, read: 0, has: () => true },
    tape: memoryConstants.tape[facts.kind],
    working: memoryConstants.working[facts.kind],
  };
  return [all] as const;
}

function ofSpeech({ L, encoderBlocks }: SpeechFacts, tokens: number, soundTokens: number) {
  const isOf = (half: string) => (linear: Linear) => linear.path.startsWith(`model.${half}.`);
  const { vision, speech } = memoryConstants.tape;
  const { working } = memoryConstants;
  const encoder: BlockKind = {
    ...{ blocks: encoderBlocks, tokens: soundTokens, read: 0, has: isOf('encoder') },
    ...{ tape: vision, working: working.vision },
  };
  const decoder: BlockKind = {
    ...{ blocks: L - encoderBlocks, tokens, read: soundTokens, has: isOf('decoder') },
    ...{ tape: speech, working: working.speech },
  };
  return [encoder, decoder] as const;
}
