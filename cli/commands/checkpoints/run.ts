// `anneal checkpoints`: the checkpoints that a job can resume from.
import { checkpointsOf } from '../../jobs/checkpoints.ts';
import { messagesOf } from '../../jobs/messages.ts';
import { withJob } from '../../jobs/with-job.ts';
import type { Viewing } from '../../process/context.ts';
import { jsonOf } from '../../terminal/json.ts';
import { checkpointsText } from './text.ts';

export async function checkpointsFromTerminal(
  word: string,
  format: string,
  viewing: Viewing,
): Promise<number> {
  const { output, config, signal } = viewing;
  return withJob(word, viewing, async (job, source) => {
    const messages = await messagesOf(source, job, output.talk, signal);
    const found = await checkpointsOf(job, messages);
    if (format === 'json') output.write(jsonOf('CheckpointList', { job: job.name, items: found }));
    else if (found.length === 0) {
      output.talk(`${job.name} has no checkpoint yet\n`);
      output.talk(`next: ${config.command} describe ${job.name}\n`);
    } else {
      output.write(checkpointsText(found, output.columns));
    }
    return 0;
  });
}
