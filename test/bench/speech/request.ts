/** What both halves of the benchmark of Whisper are asked; they answer as `train` does. */
import type { LoraRequest } from '../train/request.ts';

export interface SpeechRequest extends LoraRequest {
  /** Of each sound; 100 a second. */
  readonly frames: number;
  readonly batches: readonly SoundRows[];
}

export interface SoundRows {
  /** Texts with the tokens that begin and end them; the first two are learned by nobody. */
  readonly ids: readonly (readonly number[])[];
  /** A file of float32 `[texts, 80, frames]`: the features of the sounds. */
  readonly mel: string;
}
