// The blocks of a model by what they compute with: all alike, of Whisper those of the encoder and
// of the decoder, whose sequences have other numbers of tokens, and of two towers those of each.
import type { Linear } from '../methods/linears.ts';
import { memoryConstants } from './memory-constants.ts';
import type { MemoryQuestion } from './memory-question.ts';
import {
  areOfPatches,
  type ImageTextFacts,
  type ModelFacts,
  type SpeechFacts,
} from './model-facts.ts';

export interface BlockKind {
  readonly blocks: number;
  /** Sizes that are not those of the whole model. */
  readonly sizes?: Pick<ModelFacts, 'H' | 'NH' | 'NK' | 'D' | 'I'>;
  /** Of a micro-batch. */
  readonly tokens: number;
  /** Whether one micro-batch of a step has these tokens for all. */
  readonly isOnce?: boolean;
  /** Of a micro-batch, tokens of other states that each of the blocks reads. */
  readonly read: number;
  /** Whether vectors multiply what each half of a block adds. */
  readonly isScaled: boolean;
  /** Values of each token. */
  readonly tape: (typeof memoryConstants.tape)[keyof typeof memoryConstants.tape];
  readonly working: (typeof memoryConstants.working)[keyof typeof memoryConstants.working];
  /** Whether they have the layer. */
  has(linear: Linear): boolean;
}

type Asked = Pick<MemoryQuestion, 'facts' | 'microBatchTokens' | 'soundTokens' | 'textTokens'>;

/** In the order of computation. */
export function blockKinds(asked: Asked): readonly [BlockKind, ...BlockKind[]] {
  const { facts, microBatchTokens, soundTokens = 0 } = asked;
  if (facts.kind === 'speech') return ofSpeech(facts, microBatchTokens, soundTokens);
  if (facts.kind === 'imageText') return ofTowers(facts, asked);
  return [
    {
      ...{ blocks: facts.L, tokens: microBatchTokens, read: 0, has: () => true },
      isScaled: areOfPatches(facts) && facts.layerScale,
      tape: memoryConstants.tape[facts.kind],
      working: memoryConstants.working[facts.kind],
    },
  ];
}

function ofSpeech(
  { L, encoderBlocks }: SpeechFacts,
  tokens: number,
  soundTokens: number,
): [BlockKind, BlockKind] {
  const isOf = (half: string) => (linear: Linear) => linear.path.startsWith(`model.${half}.`);
  const { vision, speech } = memoryConstants.tape;
  const { working } = memoryConstants;
  return [
    {
      ...{ blocks: encoderBlocks, tokens: soundTokens, read: 0, has: isOf('encoder') },
      ...{ isScaled: false, tape: vision, working: working.vision },
    },
    {
      ...{ blocks: L - encoderBlocks, tokens, read: soundTokens, has: isOf('decoder') },
      ...{ isScaled: false, tape: speech, working: working.speech },
    },
  ];
}

/** Texts of classes pass once a step, whatever the number of its pictures. */
function ofTowers(
  { text, vision }: ImageTextFacts,
  { microBatchTokens, textTokens = 0 }: Asked,
): [BlockKind, BlockKind] {
  const { tape, working } = memoryConstants;
  const ofText = text.isBert ? 'encoder' : 'vision';
  const common = ({
    L,
    H,
    NH,
    D,
    I,
    blocks,
  }: ImageTextFacts['text'] | ImageTextFacts['vision']) => ({
    ...{ blocks: L, sizes: { H, NH, NK: NH, D, I }, read: 0 },
    has: ({ path }: Linear) => path.startsWith(`${blocks}.`),
  });
  return [
    {
      ...{ ...common(text), tokens: textTokens, isOnce: true, isScaled: false },
      ...{ tape: tape[ofText], working: working[ofText] },
    },
    {
      ...{ ...common(vision), tokens: microBatchTokens, isScaled: vision.isDino },
      ...{ tape: tape.vision, working: working.vision },
    },
  ];
}
