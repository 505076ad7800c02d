// `anneal doctor` as text: mark, name, observation, and the fix below it.

import type { Check } from '../../doctor/check.ts';
import type { Diagnosis } from '../../doctor/diagnosis.ts';
import { entry, wrap } from '../../terminal/wrap.ts';

const width = 80;

const marks: Readonly<Record<Check['state'], string>> = {
  Passed: '✓',
  Failed: '✗',
  Warning: '!',
  Unused: '–',
};

/** `cluster`: its checks, where one is known. */
export function diagnosisText(
  { checks: here, healthy }: Diagnosis,
  cluster: readonly Check[] = [],
): string {
  const checks = [...here, ...cluster];
  const column = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const lines = checks.flatMap(({ name, state, observed, fix }) => {
    const line = entry(name, observed, { width, column, indent: `${marks[state]} ` });
    if (fix === undefined) return line;
    return [...line, ...wrap(`fix: ${fix}`, width, ' '.repeat(column + 2))];
  });
  return `${[...lines, '', verdictOf(checks, healthy, cluster)].join('\n')}\n`;
}

function verdictOf(checks: readonly Check[], healthy: boolean, cluster: readonly Check[]): string {
  const failed = checks.filter(({ state }) => state === 'Failed').length;
  const count = `${failed} of ${checks.length} checks failed`;
  const isReady = cluster.length > 0 && cluster.every(({ state }) => state === 'Passed');
  if (healthy) return `this machine ${isReady ? 'and the cluster ' : ''}can run jobs`;
  return isReady
    ? `${count}; the cluster can run jobs, this machine cannot yet`
    : `${count}; jobs cannot run here yet`;
}
