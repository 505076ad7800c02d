// A process that fetches a repository, for tests that kill it: node fetch-process.ts ENDPOINT CACHE
// REPOSITORY. Prints one line of JSON an event.
import { systemClock } from '../../crds/clock.ts';
import { fetchFiles } from '../../worker/prepare/fetch.ts';
import { locate } from '../../worker/prepare/locate.ts';
import { gate } from '../../worker/remote/gate.ts';
import { brisk } from '../../worker/remote/retry.ts';
import { sourceEnvironment } from '../../worker/remote/source-environment.ts';

const [endpoint = '', cache = '', repository = ''] = process.argv.slice(2);
const signal = new AbortController().signal;
const environment = await sourceEnvironment({
  variables: { HF_ENDPOINT: endpoint },
  cache,
  jobFolder: cache,
  report: (event) => console.log(JSON.stringify(event)),
  network: {
    clock: systemClock,
    fetch,
    rng: Math.random,
    policy: brisk,
    stallMs: 60_000,
    connections: gate(4),
  },
});
const source = { huggingFace: { repository, revision: 'main' } };
const { listing, files } = await locate(source, { type: 'model', field: '' }, environment, signal);
if (files.type === 'Remote') {
  const target = { store: files.store, version: listing.version };
  await fetchFiles(listing.files, target, environment, signal);
}
