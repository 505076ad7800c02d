// How much of a sound a model hears at once, in frames and in tokens: two frames are a token of the
// encoder of Whisper.
import type { Dataset } from '../api/dataset.ts';
import type { ModelFacts } from './model-facts.ts';

const framesPerSecond = 100;

export function framesOf(seconds: number): number {
  return framesPerSecond * seconds;
}

/** Frames of each sound of a job, whose model has so many positions for tokens of sounds. */
export function windowFrames(
  { audioSeconds }: Pick<Dataset, 'audioSeconds'>,
  sourcePositions: number,
): number {
  return audioSeconds === undefined ? 2 * sourcePositions : framesOf(audioSeconds);
}

/** Tokens of the encoder for each sound of a job; 0 for models that hear nothing. */
export function tokensOfSound(dataset: Pick<Dataset, 'audioSeconds'>, facts: ModelFacts): number {
  return facts.kind === 'speech' ? windowFrames(dataset, facts.sourcePositions) / 2 : 0;
}
