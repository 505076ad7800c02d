// A claim that all pods can mount, seen from this machine: on our cluster a shared volume is a
// folder of the host.
import { chmod } from 'node:fs/promises';
import { eventually } from '../doubles/eventually.ts';
import { aClaim, getJson, kubectl } from './access.ts';

/** Makes the claim; returns the folder that its volume is. */
export async function aSharedFolder(namespace: string, claim: string): Promise<string> {
  await aClaim(namespace, claim);
  let volume = '';
  const bound = async () => {
    const { spec } = await getJson(namespace, 'persistentvolumeclaims', claim);
    volume = (spec as { volumeName?: string }).volumeName ?? '';
    return volume !== '';
  };
  await eventually('the claim is bound', bound, { everyMs: 50 });
  const path = '-o=jsonpath={.spec.hostPath.path}';
  const { stdout: folder } = await kubectl(['get', 'pv', volume, path]);
  if (folder === '') throw new Error(`${volume} is not a folder of this machine`);
  await chmod(folder, 0o777);
  return folder;
}
