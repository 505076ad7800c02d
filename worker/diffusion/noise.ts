// What a diffusion model learns from: pictures with noise, at time steps that are drawn. Each draw
// is a stream named by the job's seed, the epoch and the document, so ranks, micro-batches and
// resumed runs draw the same.
import { Bug } from '../../crds/failures/errors.ts';
import type { HostSequence, HostValues } from '../engine/packed-sequence.ts';
import { drawsOf, type Stream, streamOf } from '../tensor/streams.ts';
import type { DiffusionConfig } from './config.ts';
import type { NoiseLevel } from './schedule.ts';

interface NoiseNames {
  readonly seed: number | bigint;
  /** Null: of an evaluation, whose draws are the same each time; all its classes are known. */
  readonly epoch: number | null;
}

/** Share of pictures that are shown without their class, for guidance. Ho & Salimans 2022. */
const withoutClass = 0.1;

/**
 * The sequence with `noised` and `noise` beside its `pixels`, `[channels, side, side]` of each
 * document, and one value each: `time`, `quarter` of all time steps that it is in, and `class`.
 */
export function withNoise(
  sequence: HostSequence,
  { labels }: Pick<DiffusionConfig, 'labels'>,
  levels: readonly NoiseLevel[],
  { seed, epoch }: NoiseNames,
): HostSequence {
  const { values: { pixels } = {}, documents } = sequence;
  if (pixels === undefined || documents === undefined) {
    throw new Bug('a sequence without pictures gets no noise');
  }
  const count = documents.length;
  const size = pixels.values.length / count;
  const [noised, noise] = [new Float32Array(count * size), new Float32Array(count * size)];
  const values = () => new Float32Array(count);
  const [time, classes, quarter] = [values(), values(), values()];
  for (const [i, document] of documents.entries()) {
    const named = (purpose: string): Stream =>
      streamOf(seed, purpose, epoch ?? 'evaluation', document);
    const t = drawsOf(named('time step')).below(levels.length);
    const { signal = 0, noise: level = 1 } = levels[t] ?? {};
    time[i] = t;
    quarter[i] = Math.floor((4 * t) / levels.length);
    const isShown = epoch === null || drawsOf(named('class')).uniform() >= withoutClass;
    classes[i] = isShown ? (sequence.labels[sequence.offsets[i] ?? 0] ?? labels) : labels;
    fillNormal(noise.subarray(i * size, (i + 1) * size), named('noise'));
    for (let at = i * size; at < (i + 1) * size; at += 1) {
      noised[at] = signal * (pixels.values[at] ?? 0) + level * (noise[at] ?? 0);
    }
  }
  const { shape } = pixels;
  const ofDocument = (values: Float32Array): HostValues => ({ values, shape: [] });
  return {
    ...sequence,
    values: {
      ...{ noised: { values: noised, shape }, noise: { values: noise, shape } },
      ...{ time: ofDocument(time), quarter: ofDocument(quarter), class: ofDocument(classes) },
    },
  };
}

/** Standard normal values of a stream. Box & Muller 1958. */
export function fillNormal(values: Float32Array, stream: Stream): void {
  const { uniform } = drawsOf(stream);
  for (let at = 0; at < values.length; at += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[at] = radius * Math.cos(angle);
    if (at + 1 < values.length) values[at + 1] = radius * Math.sin(angle);
  }
}
