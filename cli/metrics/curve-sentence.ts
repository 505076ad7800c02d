// A curve as a sentence, for users who see no plot.
import type { Sample } from './history.ts';

const recent = 100;

/** Undefined where there are too few values. */
export function curveSentence(samples: readonly Sample[], name = 'loss'): string | undefined {
  const finite = samples.filter(
    (sample): sample is Sample & { value: number } => sample.value !== null,
  );
  const [first, second] = finite;
  const last = finite.at(-1);
  if (first === undefined || second === undefined || last === undefined) return undefined;
  const least = finite.reduce((best, one) => (one.value < best.value ? one : best));
  const tail = finite.slice(-recent);
  const spread = spreadOf(tail.map(({ value }) => value));
  const moved = last.value < first.value ? 'fell' : last.value > first.value ? 'rose' : 'stayed';
  const steps = last.step - first.step;
  const parts = [
    `${name} ${moved} from ${text(first.value)} to ${text(last.value)} over ${steps.toLocaleString('en')} steps`,
    `lowest ${text(least.value)} at step ${least.step.toLocaleString('en')}`,
    ...(finite.length > 2 * recent ? [`last ${recent} steps within ±${text(spread)}`] : []),
    ...(finite.length < samples.length
      ? [`${samples.length - finite.length} steps not finite`]
      : []),
  ];
  return parts.join('; ');
}

/** Half the range from the least to the greatest. */
function spreadOf(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / 2; // at most a hundred
}

function text(value: number): string {
  return Math.abs(value) >= 1000 || (value !== 0 && Math.abs(value) < 0.001)
    ? value.toExponential(2)
    : value.toFixed(3);
}
