// A pod of a job whose trainer is the scripted one: everything else is the supervisor as it runs in
// a cluster.
import { join } from 'node:path';
import { systemClock } from '../../crds/clock.ts';
import { podConfig } from '../../worker/supervisor/config.ts';
import { controlGroup } from '../../worker/supervisor/control-group.ts';
import { runPod } from '../../worker/supervisor/pod.ts';

const terminate = new AbortController();
process.on('SIGTERM', () => terminate.abort());
process.exit(
  await runPod({
    ...{ role: 'supervise', config: podConfig(process.env), clock: systemClock },
    ...{ group: controlGroup(), worker: join(import.meta.dirname, 'scripted-trainer.ts') },
    print: (line) => void process.stdout.write(`${line}\n`),
    terminate: terminate.signal,
  }),
);
