// A record after its shape has been understood: the five things that a model can learn from. Plain
// data, since samples travel to the threads that tokenise them.

export type Sample =
  | TextSample
  | PromptCompletionSample
  | ChatSample
  | PreferenceSample
  | SegmentsSample
  | TokenizedSample;

/** Learned as a whole. */
interface TextSample {
  readonly type: 'Text';
  readonly text: string;
}

/** The completion is learned. */
interface PromptCompletionSample {
  readonly type: 'PromptCompletion';
  readonly prompt: string;
  readonly completion: string;
}

/** The assistant's turns are learned. */
export interface ChatSample {
  readonly type: 'Chat';
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[];
}

interface PreferenceSample {
  readonly type: 'Preference';
  readonly prompt: Conversation;
  readonly chosen?: Conversation;
  readonly rejected?: Conversation;
}

export type Conversation = string | readonly Message[];

/** Pieces of text, each learned or not; the sequence is exactly their concatenation. */
interface SegmentsSample {
  readonly type: 'Segments';
  readonly segments: readonly { readonly text: string; readonly isTarget: boolean }[];
}

interface TokenizedSample {
  readonly type: 'Tokenized';
  readonly tokens: readonly number[];
  /** One a token; all are learned when absent. */
  readonly targets?: readonly boolean[];
}

export interface Message {
  readonly role: Role;
  readonly content: string;
  /** False where the record says that this turn is not to be learned. */
  readonly isTarget: boolean;
  /** Ranges of the content that the record excludes from learning. */
  readonly excluded?: readonly Range[];
  /** What else templates look at: tool calls, a name, reasoning. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
export type Role = (typeof roles)[number];

/** Half open, in UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Why one record cannot be used. Completes "FILE:LINE …"; caught where records are counted, never
 * shown alone.
 */
export class UnusableRecord extends Error {}
