// Applies an AdapterServer, and waits for what its status says.
import type { ServerStatus } from '../../crds/api/adapter-server.ts';
import { eventually } from '../doubles/eventually.ts';
import { getJson, kubectl } from './access.ts';

export function serverChanges(namespace: string) {
  const status = async (name: string): Promise<ServerStatus> => {
    const { status = {} } = await getJson(namespace, 'adapterservers', name);
    return status as ServerStatus;
  };
  return {
    apply: (server: object) =>
      kubectl(['-n', namespace, 'apply', '-f', '-'], { input: JSON.stringify(server) }),
    remove: (name: string) => kubectl(['-n', namespace, 'delete', 'adapterserver', name]),
    async until(
      name: string,
      what: string,
      holds: (status: ServerStatus) => boolean,
    ): Promise<ServerStatus> {
      try {
        await eventually(what, async () => holds(await status(name)), {
          ...{ withinMs: 240_000, everyMs: 500 },
        });
      } catch (error) {
        throw new Error(JSON.stringify(await status(name)), { cause: error });
      }
      return status(name);
    },
  };
}

export function isReady({ conditions = [] }: ServerStatus): boolean {
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
}
