// The program of a pod that serves: settings and environment in, one server until SIGTERM. It ends
// with an exit code of the failure table; the last lines of its log are its termination message.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
import {
  lingerMs,
  listPath,
  podServing,
  servingPort,
  servingVariable,
} from '../../crds/serve/pod.ts';
import { type ServeSettings, serveFile } from '../../crds/serve/settings.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { linesOf } from '../jobs/message-lines.ts';
import { serveUntilStopped } from './serving.ts';

const print = (text: string) => void process.stderr.write(text);

try {
  const { queue, ...asked } = podServing.parse(
    parseJson(process.env[servingVariable] ?? '', jsonLimits.message),
  );
  const folder = await mkdtemp(join(tmpdir(), 'anneal-serve-'));
  const settings: ServeSettings = {
    ...{ version: 1, folder, cache: `${podPath.scratch}/cache`, threads: availableParallelism() },
    ...{ adapters: [], adapterList: join(listPath.folder, listPath.file) },
    ...asked,
  };
  await writeFile(join(folder, serveFile), JSON.stringify(settings));
  await serveUntilStopped({
    worker: join(import.meta.dirname, `../../worker/main${extname(import.meta.filename)}`),
    ...{ folder, variables: {}, host: '::', port: servingPort, name: settings.name, lingerMs },
    stats: false,
    most: settings.limits.together + queue,
    told: (message) => {
      for (const line of linesOf(message)) print(`${line}\n`);
    },
    ...{ out: print, err: print },
  });
} catch (thrown) {
  const { code, message, hint } = toAnnealError(thrown);
  print(`${message}${hint === undefined ? '' : `\nhint: ${hint}`}\n`);
  process.exitCode = failureOf(code).workerExit;
}
