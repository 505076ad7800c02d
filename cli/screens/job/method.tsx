// The method panel: the settings of each axis, and its current state.
import type { ReactNode } from 'react';
import { parseQuantity } from '../../../crds/index.ts';
import { type Display, Line, Rule } from '../../components/line.tsx';
import { methodOf } from '../../jobs/job.ts';
import type { JobState } from '../../jobs/job-state.ts';
import { bytes } from '../../terminal/numbers.ts';
import { wrap } from '../../terminal/wrap.ts';

const axes = ['precision', 'base', 'adapter', 'selection', 'optimizer', 'rule'] as const;
const column = 11;
/** Parameters to show first. */
const first = ['rank', 'alpha'];

export function methodLines({ job, run }: JobState, columns: number): readonly string[] {
  if (job === null) return [];
  const { method, memory } = job.status.plan ?? {};
  const rows = axes.flatMap((axis): readonly (readonly [string, string])[] => {
    const found = method?.[axis];
    if (found === undefined) return [];
    const names = Object.keys(found.parameters ?? {});
    const ordered = new Set([...first.filter((name) => names.includes(name)), ...names]);
    const words = [...ordered].map((name) => `${name} ${found.parameters?.[name]}`);
    return [[axis, [found.type, ...words].join(' · ')]];
  });
  const told = memory?.peak === undefined ? undefined : parseQuantity(memory.peak);
  const peak = run.plan?.memory.peak ?? told;
  const all = [
    ...(rows.length === 0 ? [['', methodOf(job).summary] as const] : rows),
    ...(peak === undefined ? [] : [['memory', `${bytes(peak)} planned`] as const]),
    ...(run.step?.method === undefined ? [] : [['now', run.step.method] as const]),
  ];
  return all.flatMap(([name, text]) =>
    wrap(text, columns - column).map((part, index) =>
      name === '' ? part : `${(index === 0 ? name : '').padEnd(column)}${part}`,
    ),
  );
}

export function Method({
  display,
  lines,
}: {
  display: Display;
  lines: readonly string[];
}): ReactNode {
  return (
    <>
      <Rule display={display} title="4 method" />
      {lines.map((line) => (
        <Line key={line} display={display}>
          {line}
        </Line>
      ))}
    </>
  );
}
