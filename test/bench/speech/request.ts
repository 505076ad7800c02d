/** What both halves of the benchmark of Whisper are asked; they answer as `train` does. */

export interface SpeechRequest {
  /** A Hugging Face folder of Whisper. */
  readonly model: string;
  readonly threads: number;
  readonly rank: number;
  readonly alpha: number;
  readonly learning_rate: number;
  readonly clip: number;
  readonly steps: number;
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
