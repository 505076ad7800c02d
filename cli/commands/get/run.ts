// `anneal get`: the object of a job as it is.
import { stringify } from 'yaml';
import { withJob } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';

export async function getFromTerminal(
  word: string,
  format: string,
  looking: Viewing,
): Promise<number> {
  return withJob(word, looking, async ({ object }) => {
    const text = format === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object);
    looking.output.write(text);
    return 0;
  });
}
