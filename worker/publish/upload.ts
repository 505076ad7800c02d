// Uploads checked artefacts to a bucket, a hub, or both, as the job says. In a bucket the report of
// the run comes last, so that it exists only when everything it names does.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../crds/clock.ts';
import { runFiles } from '../../crds/wire/run-folder.ts';
import type { TelemetryBody } from '../../crds/wire/telemetry.ts';
import type { Network } from '../remote/http.ts';
import type { UploadTargets } from '../remote/upload-targets.ts';
import { uploadToBucket } from './bucket-upload.ts';
import { uploadToHub } from './hub-upload.ts';
import { below, type ResultFile, resultFile } from './result-files.ts';
import { reportUpload } from './upload-progress.ts';

interface Uploaded {
  /** Name of its folder. */
  readonly folder: string;
  readonly files: readonly ResultFile[];
}

interface UploadTools {
  readonly emit: (message: TelemetryBody) => void;
  readonly clock: Clock;
  readonly network: Network;
}

interface Words {
  /** First line of the commit message. */
  readonly title: string;
  /** README.md of a repository with several artefacts; each artefact has its own too. */
  readonly card: string;
  /** The run folder, where the card is kept. */
  readonly runFolder: string;
  /** Other files to upload. */
  readonly beside?: readonly ResultFile[];
}

/** Returns the location of each artefact, in their order. */
export async function uploadArtifacts(
  { bucket, hub }: UploadTargets,
  artifacts: readonly Uploaded[],
  words: Words,
  tools: UploadTools,
  signal: AbortSignal,
): Promise<readonly (readonly string[])[]> {
  const { network } = tools;
  const { beside = [] } = words;
  const uris = artifacts.map((): string[] => []);
  if (bucket !== undefined) {
    const own = artifacts.flatMap((artifact) => below(artifact.folder, artifact.files));
    const files = [...own, ...beside];
    await reportUpload({ subject: bucket.uri, total: bytesOf(files) }, tools, (progress) =>
      uploadToBucket(bucket, files, network, progress, signal),
    );
    for (const [i, { folder }] of artifacts.entries()) uris[i]?.push(`${bucket.uri}/${folder}`);
  }
  if (hub !== undefined) {
    // Tools expect a single model at the root of a repository.
    const [only, ...more] = artifacts;
    const isOne = only !== undefined && more.length === 0;
    const own = isOne ? only.files : await inFolders(artifacts, words, signal);
    const files = [...own, ...beside];
    const facts = { subject: hub.repository, total: bytesOf(files) };
    const commit = await reportUpload(facts, tools, (progress) =>
      uploadToHub(hub, { files, title: words.title, network, progress }, signal),
    );
    const root = `hf://${hub.repository}@${commit}`;
    for (const [i, { folder }] of artifacts.entries()) {
      uris[i]?.push(isOne ? root : `${root}/${folder}`);
    }
  }
  return uris;
}

async function inFolders(
  artifacts: readonly Uploaded[],
  { card, runFolder }: Words,
  signal: AbortSignal,
): Promise<readonly ResultFile[]> {
  const path = join(runFolder, 'hub-card.md');
  await writeFile(path, card);
  const files = artifacts.flatMap((artifact) => below(artifact.folder, artifact.files));
  return [...files, await resultFile('README.md', path, signal)];
}

/** After everything else; hubs get no report, since it names folders of this machine. */
export async function uploadReport(
  { bucket }: UploadTargets,
  folder: string,
  { network }: UploadTools,
  signal: AbortSignal,
): Promise<void> {
  if (bucket === undefined) return;
  const file = await resultFile(runFiles.report, join(folder, runFiles.report), signal);
  await uploadToBucket(bucket, [file], network, () => {}, signal);
}

function bytesOf(files: readonly ResultFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
