import test from 'ava';
import { TerminalError } from '../../../crds/failures/errors.ts';
import { fetchFiles } from '../../../worker/prepare/fetch.ts';
import { listBucket } from '../../../worker/remote/bucket.ts';
import type { Bucket } from '../../../worker/remote/bucket-client.ts';
import { S3Server } from '../../doubles/s3-server.ts';
import { someBytes, temporaryFolder, testEnvironment } from '../../doubles/sources.ts';

const never = new AbortController().signal;

function bucketOf({ endpoint }: S3Server): Bucket {
  const credentials = { accessKeyId: 'known', secretAccessKey: 'hidden' };
  return { uri: 's3://data/m', endpoint, credentials };
}

/** Of different sizes, so that a guess from the first would be wrong. */
const parts = [someBytes(70_000, 1), someBytes(50_000, 2), someBytes(9, 3)];

for (const withoutAttributes of [false, true]) {
  const how = withoutAttributes ? 'part by part' : 'in one call';
  test(`what came in parts is verified by the sizes that are asked ${how}`, async (t) => {
    await using server = await S3Server.start();
    await using cache = await temporaryFolder();
    server.withoutAttributes = withoutAttributes;
    server.putParts('/data/m/model.bin', parts);
    const environment = testEnvironment(cache.path, {});
    const bucket = bucketOf(server);
    const { files, version } = await listBucket(bucket, environment.network, never);
    const digest = await files[0]?.digest(never);
    t.is(digest?.type, 'sha256OfParts');
    await fetchFiles(files, { store: cache.path, version }, environment, never);

    await using second = await temporaryFolder();
    server.faults.plan('/model.bin', { type: 'Corrupt' }, 2);
    const other = testEnvironment(second.path, {});
    const error = await t.throwsAsync(
      fetchFiles(files, { store: second.path, version }, other, never),
      { instanceOf: TerminalError },
    );
    t.is(error.code, 'E_DIGEST_MISMATCH');
    t.regex(error.message, /sha256OfParts/);
    t.deepEqual(other.network.waits, []);
  });
}
