// The memory plan of a server as text.
import { unlimited } from '../../crds/plan/processor.ts';
import type { ServerPlan } from '../../crds/serve/server-plan.ts';
import { bytes, count } from '../terminal/numbers.ts';
import { table } from '../terminal/table.ts';

export function planText(plan: ServerPlan, uncounted: readonly string[] = []): string {
  const { source, parts, peak, limit, fits, adapters, tokens } = plan;
  const knowsLimit = limit < unlimited;
  const rows: readonly (readonly [string, number, string])[] = [
    ['weights', parts.weights, ''],
    ['keys and values', parts.cache, `${count(tokens)} tokens`],
    ['adapters', parts.adapters, adapters.length === 0 ? '' : count(adapters.length)],
    ['work', parts.work, ''],
    ['peak', peak, ''],
    ...(knowsLimit ? [['limit', limit, fits ? 'fits' : 'does not fit'] as const] : []),
  ];
  const lines = [
    `model  ${source}`,
    '',
    ...table([
      ['memory of the process with the model', '', ''],
      ...rows.map(([name, size, more]) => [name, bytes(size), more]),
    ]),
    ...[...plan.refused.map(({ reason }) => reason), ...uncounted].map(
      (reason) => `not counted: ${reason}`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
