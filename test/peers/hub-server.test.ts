// The hub double against the hub's own Python client: what our code is tested with is what that
// client understands.
import { createHash } from 'node:crypto';
import test from 'ava';
import { HubServer } from '../doubles/hub-server.ts';
import { someBytes, temporaryFolder } from '../doubles/sources.ts';
import { askPeerAlone } from './ask-peer.ts';

test('The client of the hub downloads from the double and understands its refusals', async (t) => {
  t.timeout(20 * 60_000);
  await using folder = await temporaryFolder();
  await using hub = await HubServer.start();
  hub.pageSize = 2;
  hub.tokens.add('hf_known');
  const files = {
    'config.json': '{}',
    'model.safetensors': someBytes(1_000_000),
    'sub/a b.txt': 'text',
  };
  const name = 'owner/model';
  const commit = hub.add({ name, files, access: 'gated', granted: ['hf_known'] });
  const answer = await askPeerAlone('hub_snapshot.py', [
    hub.endpoint,
    folder.path,
    name,
    'hf_known',
  ]);
  const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
  t.deepEqual(JSON.parse(answer), {
    commit,
    files: Object.fromEntries(Object.entries(files).map(([path, each]) => [path, sha256(each)])),
    lfs: { 'model.safetensors': sha256(files['model.safetensors']) },
    refusals: {
      entry: 'RemoteEntryNotFoundError',
      revision: 'RevisionNotFoundError',
      repository: 'RepositoryNotFoundError',
      gated: 'GatedRepoError',
    },
  });
});
