// `anneal doctor` as text: a mark, a name, what was seen, and below it the fix.
import type { Diagnosis } from '../commands/doctor.ts';
import type { Check } from '../doctor/check.ts';

const marks: Readonly<Record<Check['state'], string>> = {
  Passed: '✓',
  Failed: '✗',
  Warning: '!',
  Unused: '–',
};

export function diagnosisText({ checks, healthy }: Diagnosis): string {
  const column = Math.max(...checks.map(({ name }) => name.length)) + 2;
  const lines = checks.flatMap(({ name, state, observed, fix }) => {
    const line = `${marks[state]} ${name.padEnd(column)}${observed}`;
    return fix === undefined ? [line] : [line, `  ${' '.repeat(column)}fix: ${fix}`];
  });
  const failed = checks.filter(({ state }) => state === 'Failed').length;
  const verdict = healthy
    ? 'this machine can run jobs'
    : `${failed} of ${checks.length} checks failed; jobs cannot run here yet`;
  return `${[...lines, '', verdict].join('\n')}\n`;
}
