// The program of every pod of a job: `main.ts prepare | supervise | publish`. It is pid 1 of its
// container: its children start no processes of their own, so there is nothing to reap. It ends
// with an exit code of the failure table.

import { systemClock } from '../../crds/clock.ts';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
import { podRole } from '../../crds/wire/pod.ts';
import { terminationLog } from '../../crds/wire/termination-message.ts';
import { workerFile } from './child.ts';
import { type PodConfig, podConfig } from './config.ts';
import { controlGroup } from './control-group.ts';
import { failureWith } from './end-of-child.ts';
import { runPod } from './pod.ts';
import {
  failureMessage,
  terminationMessageText,
  writeTerminationMessage,
} from './termination-message.ts';

const [asked = ''] = process.argv.slice(2);
const terminate = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => terminate.abort());

process.exit(await main());

async function main(): Promise<number> {
  const role = Object.values(podRole).find((each) => each === asked);
  const config = configOf();
  if (typeof config === 'string') return refuse(config);
  if (role === undefined) {
    const roles = Object.values(podRole).join(', ');
    return refuse(`the role is "${asked}"; it must be one of ${roles}`);
  }
  return runPod({
    ...{ role, config, clock: systemClock, group: controlGroup(), worker: workerFile() },
    print: (line) => void process.stdout.write(`${line}\n`),
    terminate: terminate.signal,
  });
}

function configOf(): PodConfig | string {
  try {
    return podConfig(process.env);
  } catch (thrown) {
    return toAnnealError(thrown).message;
  }
}

/** Nothing is known about the job yet: the message and the exit code are all there is. */
async function refuse(message: string): Promise<number> {
  process.stderr.write(`${message}\n`);
  const path = process.env['ANNEAL_TERMINATION_LOG'] ?? terminationLog;
  const terminationMessage = failureMessage(failureWith('E_USAGE', message), {});
  await writeTerminationMessage(
    path,
    terminationMessageText(terminationMessage, (text) => text),
  );
  return failureOf('E_USAGE').workerExit;
}
