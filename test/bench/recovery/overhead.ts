/**
 * What saving costs a job that nothing happens to: two workers with everything as it is by default
 * (durable saves and copies in memory as often as their share of the time allows), and the same two
 * with neither. The first save comes after a minute; what is measured begins behind it. Shares are
 * of the time from step to step. What lies between steps is counted exactly; how much slower steps
 * are while files go to the disk and copies to the other pod, only a difference of runs shows: the
 * run with neither is made before and behind the other, so that what the machine itself became
 * slower or faster is seen.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setup } from '../../../cli/setup/setup.ts';
import { type Telemetry, type TelemetryOf, telemetry } from '../../../crds/wire/telemetry.ts';
import { JobWorld } from '../../doubles/job-world.ts';

interface Asked {
  readonly workers: number;
  /** Measured, of each run. */
  readonly seconds: number;
  /** Width of the model. */
  readonly hidden: number;
}

const full = { preset: 'Full', precision: { type: 'Float32' } };
const neither = { intervalSteps: 1_000_000, memory: { mode: 'None' } };
/** worker/checkpoint/interval.ts, with what it takes to come so far. */
const warmUpSeconds = 75;

export async function measureOverhead(setup: Setup, asked: Asked): Promise<string> {
  const before = await trainFor(setup, asked, neither);
  const saving = await trainFor(setup, asked, { intervalSteps: undefined });
  const behind = await trainFor(setup, asked, neither);
  const slower = (2 * saving.wholeMs) / (before.wholeMs + behind.wholeMs) - 1;
  const between = saving.betweenShare - (before.betweenShare + behind.betweenShare) / 2;
  const apart = Math.abs(behind.wholeMs / before.wholeMs - 1);
  const rows = [
    rowOf('neither', before),
    rowOf('both, by default', saving),
    rowOf('neither, again', behind),
  ];
  const head =
    '| saves and copies | steps | from step to step | between steps | saves | one takes |';
  return [
    [head, '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n'),
    '',
    `between steps: ${percent(between)} of the time; from step to step: ${percent(slower)} (medians), where the two runs with neither are ${percent(apart)} apart`,
  ].join('\n');
}

interface Course {
  readonly steps: number;
  /** Median of the time from the end of a step to that of the next. */
  readonly wholeMs: number;
  readonly betweenShare: number;
  /** Milliseconds for which each save held up training. */
  readonly saves: readonly number[];
}

async function trainFor(
  setup: Setup,
  { workers, seconds, hidden }: Asked,
  checkpoint: Readonly<Record<string, unknown>>,
): Promise<Course> {
  await using world = await JobWorld.make({
    ...{ workers, method: full, training: { maxSteps: 1_000_000 }, checkpoint },
    sizes: { hidden_size: hidden, intermediate_size: 3 * hidden },
  });
  await world.startAll(workers);
  await world.untilStep(1);
  const from = Date.now() / 1000 + warmUpSeconds;
  const to = from + seconds;
  while (Date.now() / 1000 < to) {
    setup.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  const said = readFileSync(join(world.runFolder, 'round-1/telemetry.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => telemetry.parse(JSON.parse(line)));
  return courseOf(said.filter(({ time }) => time >= from && time <= to));
}

function courseOf(said: readonly Telemetry[]): Course {
  const isStep = (each: Telemetry): each is TelemetryOf<'step'> => each.type === 'step';
  const steps = said.filter(isStep);
  const whole = steps.slice(1).map(({ time }, at) => 1000 * (time - (steps[at]?.time ?? time)));
  const total = whole.reduce((sum, ms) => sum + ms, 0);
  const inside = steps.slice(1).reduce((sum, { stepMs }) => sum + stepMs.total, 0);
  return {
    steps: steps.length,
    wholeMs: whole.toSorted((a, b) => a - b)[Math.floor(whole.length / 2)] ?? 0,
    betweenShare: (total - inside) / total,
    saves: said.flatMap((each) => (each.type === 'checkpoint' ? [each.ms] : [])),
  };
}

function rowOf(name: string, { steps, wholeMs, betweenShare, saves }: Course): string {
  const one =
    saves.length === 0
      ? ''
      : `${Math.min(...saves).toFixed(0)} to ${Math.max(...saves).toFixed(0)} ms`;
  const cells = [name, steps, `${wholeMs.toFixed(1)} ms`, percent(betweenShare), saves.length, one];
  return `| ${cells.join(' | ')} |`;
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
