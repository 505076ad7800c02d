// The program of a pod of a federation: what `anneal federate` does with its file, and its progress
// for whoever asks, over HTTP and at its end in its termination log. It ends with an exit code of
// the failure table.
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { availableParallelism, tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { toAnnealError } from '../../../crds/failures/errors.ts';
import { Exit, failureOf } from '../../../crds/failures/table.ts';
import { jsonLimits, parseJson } from '../../../crds/text/json.ts';
import {
  boundedProgress,
  federationVariable,
  type PartyProgress,
  type PodFederation,
  podFederation,
  progressForLog,
  progressPath,
} from '../../../crds/wire/federation-pod.ts';
import { beginProgress, seeLine } from '../../federation/party-progress.ts';
import { cliConfig } from '../../process/config.ts';
import { federateFromTerminal } from './run.ts';

const told = podFederation.parse(
  parseJson(process.env[federationVariable] ?? '', jsonLimits.message),
);
let progress: PartyProgress = beginProgress(Object(told.manifest['spec']).rounds);

const server = createServer((request, response) => {
  if (request.url !== progressPath) return void response.writeHead(404).end();
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(progress));
});
await once(server.listen(told.port, '::'), 'listening');

try {
  process.exitCode = endOf(await federate(told));
} catch (thrown) {
  const { code, message, hint } = toAnnealError(thrown);
  process.stderr.write(`${message}\nhint: ${hint}\n`);
  progress = boundedProgress({ ...progress, state: 'Failed', failure: { code, message, hint } });
  process.exitCode = failureOf(code).workerExit;
}
await writeFile(told.log, progressForLog(progress));
server.close();
server.closeAllConnections();

async function federate({ manifest, bus, key, authority, state, volumes }: PodFederation) {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-federate-'));
  const file = join(folder, 'federation.yaml');
  // YAML reads what JSON writes.
  await writeFile(file, JSON.stringify(manifest));
  const trusted = join(folder, 'authority.pem');
  if (authority !== undefined) await writeFile(trusted, authority);
  const flags = {
    ...{ bus, key, volume: volumes, output: 'json' as const },
    ...{ device: 'cpu' as const, threads: availableParallelism() },
    ...(authority !== undefined && { authority: trusted }),
  };
  const config = { ...cliConfig(process.env), cache: state };
  const main = `../../../worker/main${extname(import.meta.filename)}`;
  return await federateFromTerminal(file, flags, config, {
    worker: join(import.meta.dirname, main),
    write(line) {
      process.stdout.write(`${line}\n`);
      progress = seeLine(progress, line);
    },
  });
}

/** Stopped by whoever deletes the pod: another one goes on. */
function endOf(exit: number): number {
  return exit === 0 ? Exit.Done : Exit.PlannedStop;
}
