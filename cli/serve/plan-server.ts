// The memory of a server before it runs: a worker process reads headers, and says what it planned.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../crds/index.ts';
import {
  type PlanSettings,
  type ServerPlan,
  serverPlan,
  serverPlanFile,
} from '../../crds/serve/server-plan.ts';
import { serveFile } from '../../crds/serve/settings.ts';
import { startRole } from '../client/local-role.ts';
import { readWhole } from '../client/whole-json.ts';

interface Planning {
  readonly worker: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly warn: (message: string) => void;
}

export async function planServer(
  settings: PlanSettings,
  { worker, variables, warn }: Planning,
): Promise<ServerPlan> {
  const folder = await mkdtemp(join(tmpdir(), 'anneal-plan-'));
  try {
    await writeFile(join(folder, serveFile), JSON.stringify(settings));
    const { ended } = startRole({
      ...{ worker, role: 'plan-server', folder, variables },
      onMessage: (message) => {
        if (message.type === 'warning') warn(message.message);
      },
    });
    const end = await ended;
    if (end.type === 'Failed') throw end.error;
    const plan = await readWhole(folder, serverPlanFile, serverPlan);
    if (plan !== null) return plan;
    throw new UserError({
      code: 'E_INTERRUPTED',
      message: 'the command was interrupted before the model was read',
      hint: 'run the command again',
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
