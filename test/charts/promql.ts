// What an expression of PromQL asks for, by the parser of Prometheus.
import { execa } from 'execa';
import * as z from 'zod';
import { prometheus } from '../setup/prometheus.ts';

const answer = z.object({
  /** Why it cannot be parsed. */
  error: z.string().optional(),
  /** vector, matrix, scalar or string. */
  type: z.string().optional(),
  metrics: z.array(z.string()),
  /** Labels of each aggregation. */
  grouping: z.array(z.array(z.string()).nullable()),
});

export type Asked = z.output<typeof answer>;

export async function parsePromQL(expressions: readonly string[]): Promise<readonly Asked[]> {
  const { promql } = await prometheus();
  const { stdout } = await execa(promql, { input: JSON.stringify(expressions) });
  return z.array(answer).parse(JSON.parse(stdout));
}
