// A record after conversion: the kinds of samples that a model is trained on. Plain data, since
// samples are sent to the threads that tokenise them.
import type { Image } from './images/image.ts';

export type Sample =
  | TextSample
  | PromptCompletionSample
  | ChatSample
  | PreferenceSample
  | SegmentsSample
  | TokenizedSample
  | ClassSample
  | PictureSample
  | TargetSample
  | SoundSample
  | ClipSample;

/** All text is target. */
interface TextSample {
  readonly type: 'Text';
  readonly text: string;
}

/** The completion is target. */
interface PromptCompletionSample {
  readonly type: 'PromptCompletion';
  readonly prompt: string;
  readonly completion: string;
}

/** The assistant's turns are targets. */
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

/** Segments of text, each target or not; the sequence is exactly their concatenation. */
interface SegmentsSample {
  readonly type: 'Segments';
  readonly segments: readonly { readonly text: string; readonly isTarget: boolean }[];
}

interface TokenizedSample {
  readonly type: 'Tokenized';
  readonly tokens: readonly number[];
  /** One for each token; without it all are targets. */
  readonly targets?: readonly boolean[];
}

/** A text, or a pair of texts, of a class. */
export interface ClassSample {
  readonly type: 'TextClassification';
  readonly text: string;
  readonly pair?: string;
  /** As the record has it: a number, or a name. */
  readonly label: number | string;
}

/** A picture of a class. */
export interface PictureSample {
  readonly type: 'ImageClassification';
  readonly picture: PictureSource;
  /** As the record has it: a number, or a name. */
  readonly label: number | string;
}

/** A picture that is to be restored from a worse one. */
export interface TargetSample {
  readonly type: 'ImagePair';
  readonly target: PictureSource;
}

/** Frames of an object, and the text of its boxes. */
export interface ClipSample {
  readonly type: 'Video';
  /** Path of its folder. */
  readonly name: string;
  readonly boxes: StoredFile;
  readonly frames: readonly StoredFile[];
}

/** A sound, and what is said in it. */
export interface SoundSample {
  readonly type: 'Audio';
  readonly sound: FileSource;
  readonly text: string;
}

/** A file of the data set. */
interface StoredFile {
  readonly type: 'File';
  readonly path: string;
  readonly absolute: string;
}

export type FileSource =
  /** As the record has it: relative to the file of the record, and not checked. */
  | { readonly type: 'Named'; readonly path: string }
  | StoredFile
  /** The bytes of such a file, in the record itself. */
  | { readonly type: 'Bytes'; readonly bytes: Uint8Array };

export type PictureSource = FileSource | { readonly type: 'Pixels'; readonly image: Image };

export interface Message {
  readonly role: Role;
  readonly content: string;
  /** False where the record excludes this turn from the targets. */
  readonly isTarget: boolean;
  /** Ranges of the content that the record excludes from the targets. */
  readonly excluded?: readonly Range[];
  /** Other fields that templates read: tool calls, a name, reasoning. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

export const roles = ['system', 'developer', 'user', 'assistant', 'tool'] as const;
export type Role = (typeof roles)[number];

/** Half open, in UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}
