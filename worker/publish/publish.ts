// The role `publish`: takes the checkpoint of the result (train/result.ts), writes artefacts, reads
// each back and compares it with the trained model before it gets its final name, then uploads them
// where the job asks for it. The report in the run folder is written last: it marks the run as
// done.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { picturesFolder } from '../../crds/names/result-folders.ts';
import {
  preparedRecord,
  type RunRecord,
  runFiles,
  runRecord,
  type TrainedRecord,
  trainedRecord,
} from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { lockFile } from '../files/file-lock.ts';
import { destinationFolder } from '../remote/destination.ts';
import type { Network } from '../remote/http.ts';
import { systemNetwork } from '../remote/network.ts';
import { type SourceEnvironment, sourceEnvironment } from '../remote/source-environment.ts';
import { uploadTargets } from '../remote/upload-targets.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { memoryStatistics, resetMemoryPeaks, trimMemory } from '../tensor/memory.ts';
import { setThreads } from '../tensor/threads.ts';
import { publishBoard } from './board.ts';
import { uploadArtifacts, uploadReport } from './upload.ts';
import { type WrittenArtifact, writeArtifacts } from './write-artifacts.ts';

export const publishRole: Role = async (context) => {
  const { clock, config, emit, folder, stop } = context;
  const began = clock.monotonic();
  const run = await requireRecord(folder, runFiles.run, runRecord);
  const prepared = await requireRecord(folder, runFiles.prepared, preparedRecord);
  const trained = await requireRecord(folder, runFiles.trained, trainedRecord);
  const network = systemNetwork(clock, emit);
  const targets = uploadTargets(run.spec, await environmentOf(run, config.variables, network));
  setThreads(run.threads);
  trimMemory();
  resetMemoryPeaks();
  const destination = destinationFolder(run, folder);
  await using _lock = await lockDestination(context, destination);
  const { artifacts, card, pictures, formats } = await writeArtifacts(
    { run, prepared, trained },
    destination,
    context,
  );
  const written = clock.monotonic();
  const memory = withPublish(trained.report.memory);
  const board = await publishBoard(run, folder, destination, stop);
  const beside = [...pictures, ...board];
  const words = { title: `Add the result of ${run.name}`, card, runFolder: folder, beside };
  const tools = { clock, emit, network };
  const uris = await uploadArtifacts(targets, artifacts, words, tools, stop);
  const ended = clock.monotonic();
  const took = { export: (written - began) / 1000, upload: (ended - written) / 1000 };
  const report = {
    ...reportOf(trained, artifacts, uris, took),
    memory,
    ...(formats && { formats: [...formats] }),
    ...(pictures.length > 0 && { pictures: join(destination, picturesFolder) }),
  };
  await writeRecord(destination, runFiles.report, runReport, report);
  await uploadReport(targets, destination, tools, stop);
  await writeRecord(folder, runFiles.report, runReport, report);
  emit({
    type: 'end',
    reason: report.end.reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished',
    step: report.training.steps,
    seconds: report.seconds.total,
    report: join(destination, runFiles.report),
  });
};

/** Two runs may name the same folder for results: the second waits, then replaces all of them. */
async function lockDestination({ clock, emit, stop }: RoleContext, destination: string) {
  await mkdir(destination, { recursive: true });
  return lockFile(join(destination, '.publishing'), clock, stop, () => {
    const message = `another run is publishing to ${destination}; this one waits until it has ended`;
    emit({ type: 'warning', reason: 'Waiting', message });
  });
}

function withPublish(memory: RunReport['memory']): RunReport['memory'] {
  if (memory.publish === undefined) return memory;
  const { predicted } = memory.publish;
  const measured = memoryStatistics().residentPeakBytes;
  return { ...memory, publish: { predicted, measured, gap: (measured - predicted) / predicted } };
}

/** Of this machine, publishing needs only tokens and addresses. */
function environmentOf(
  run: RunRecord,
  variables: RoleContext['config']['variables'],
  network: Network,
): Promise<SourceEnvironment> {
  return sourceEnvironment({
    ...{ variables, network, cache: run.cache, jobFolder: run.folder },
    report: () => {},
  });
}

/** Locations and times of an upload, only where there was one. */
function reportOf(
  { report }: TrainedRecord,
  artifacts: readonly WrittenArtifact[],
  uris: readonly (readonly string[])[],
  took: { readonly export: number; readonly upload: number },
): RunReport {
  const isUploaded = uris.some((locations) => locations.length > 0);
  return {
    ...report,
    artifacts: artifacts.map(({ reported }, i) => ({
      ...reported,
      ...(isUploaded ? { uris: [...(uris[i] ?? [])] } : {}),
    })),
    seconds: {
      ...report.seconds,
      export: took.export,
      ...(isUploaded ? { upload: took.upload } : {}),
      total: report.seconds.total + took.export + took.upload,
    },
  };
}
