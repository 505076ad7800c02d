// The program of the init container in front of vLLM: settings and environment in; out come the
// base in its place, a file of arguments, and as its termination message the adapters that vLLM
// does not get. It ends with an exit code of the failure table.
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { toAnnealError } from '../../crds/failures/errors.ts';
import { failureOf } from '../../crds/failures/table.ts';
import {
  type HandoverSettings,
  handedOver,
  handedOverFile,
  handoverFile,
  handoverPath,
  leftOutText,
  podHandover,
} from '../../crds/serve/handover.ts';
import { servingVariable } from '../../crds/serve/pod.ts';
import { jsonLimits, parseJson } from '../../crds/text/json.ts';
import { podPath } from '../../crds/wire/pod.ts';
import { terminationLog } from '../../crds/wire/termination-message.ts';
import { startRole } from '../client/local-role.ts';
import { linesOf } from '../jobs/message-lines.ts';

const print = (text: string) => void process.stderr.write(text);

try {
  const asked = podHandover.parse(
    parseJson(process.env[servingVariable] ?? '', jsonLimits.message),
  );
  const folder = await mkdtemp(join(tmpdir(), 'anneal-handover-'));
  const settings: HandoverSettings = {
    ...{ version: 1, folder, cache: `${podPath.scratch}/cache` },
    ...asked,
  };
  await writeFile(join(folder, handoverFile), JSON.stringify(settings));
  const started = startRole({
    worker: join(import.meta.dirname, `../../worker/main${extname(import.meta.filename)}`),
    ...{ role: 'handover', folder },
    onMessage: (message) => {
      for (const line of linesOf(message)) print(`${line}\n`);
    },
  });
  process.on('SIGTERM', () => started.kill());
  const end = await started.ended;
  if (end.type === 'Failed') throw end.error;
  const text = await readFile(join(folder, handedOverFile));
  const given = handedOver.parse(parseJson(text, jsonLimits.message));
  await rm(handoverPath.folder, { recursive: true, force: true });
  await mkdir(handoverPath.folder, { recursive: true });
  await symlink(given.model, handoverPath.model);
  await writeFile(handoverPath.arguments, given.arguments.map((one) => `${one}\n`).join(''));
  for (const { reason } of given.refused) print(`refused    ${reason}\n`);
  await writeFile(terminationLog, leftOutText(given.refused));
} catch (thrown) {
  const { code, message, hint } = toAnnealError(thrown);
  print(`${message}${hint === undefined ? '' : `\nhint: ${hint}`}\n`);
  process.exitCode = failureOf(code).workerExit;
}
