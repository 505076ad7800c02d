// The role `publish`: a checkpoint in (the best one, or the last: choose-result.ts), artefacts out, each read back and compared with the
// model that was trained before it takes its place.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveMethod } from '../../crds/index.ts';
import { preparedRecord, runFiles, runRecord, trainedRecord } from '../../crds/wire/run-folder.ts';
import { type RunReport, runReport } from '../../crds/wire/run-report.ts';
import { verifyCheckpoint } from '../checkpoint/folder.ts';
import { loadState } from '../checkpoint/load-state.ts';
import { openModel } from '../decoder/model-files.ts';
import { buildModel, modelSource } from '../engine/build-model.ts';
import { lockFile } from '../prepare/file-lock.ts';
import type { Role, RoleContext } from '../role.ts';
import { requireRecord, writeRecord } from '../run-folder.ts';
import { adapterOf, dtypeOf } from '../seams.ts';
import { memoryStatistics, resetMemoryPeaks } from '../tensor/memory.ts';
import { keep } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { setThreads } from '../tensor/threads.ts';
import type { ArtifactFacts, ArtifactWriter } from './artifact.ts';
import { destinationFolder, replaceFolder } from './destination.ts';
import { ggufArtifact } from './gguf-artifact.ts';
import { mergedArtifact } from './merged.ts';
import { modelCard } from './model-card.ts';
import { peftArtifact } from './peft.ts';
import { checkLogits } from './reload-check.ts';
import { requireSame } from './require-same.ts';

export const publishRole: Role = async (context) => {
  const began = context.clock.monotonic();
  const run = await requireRecord(context.folder, runFiles.run, runRecord);
  const prepared = await requireRecord(context.folder, runFiles.prepared, preparedRecord);
  const trained = await requireRecord(context.folder, runFiles.trained, trainedRecord);
  setThreads(run.threads);
  resetMemoryPeaks();
  const method = resolveMethod(run.spec.method);
  using files = openModel(prepared.model.path);
  const dtype = dtypeOf(method);
  const model = buildModel(modelSource(files), {
    dtype,
    adapter: adapterOf(method, BigInt(run.spec.training.seed), dtype),
    sequenceLength: run.spec.dataset.sequenceLength,
  });
  using _parameters = model.parameters;
  const checkpoint = trained.result ?? trained.checkpoint;
  const manifest = await verifyCheckpoint(checkpoint);
  const targets = new Map(model.parameters.trained().map(({ name, value }) => [name, value]));
  loadState(checkpoint, manifest, targets);
  using reference = keep(checkLogits(model));
  const destination = destinationFolder(run, context.folder);
  const facts: ArtifactFacts = { run, prepared, method, files, model, report: trained.report };
  await using _lock = await lockDestination(context, destination);
  const artifacts: RunReport['artifacts'] = [];
  for (const writer of writersOf(facts)) {
    context.stop.throwIfAborted();
    const artifact = await publishOne(context, writer, destination, facts, reference);
    artifacts.push(artifact);
  }
  const seconds = (context.clock.monotonic() - began) / 1000;
  const report: RunReport = {
    ...trained.report,
    memory: withPublish(trained.report.memory),
    artifacts,
    seconds: {
      ...trained.report.seconds,
      export: seconds,
      total: trained.report.seconds.total + seconds,
    },
  };
  await writeRecord(context.folder, runFiles.report, runReport, report);
  await writeRecord(destination, runFiles.report, runReport, report);
  context.emit({
    type: 'end',
    reason: report.end.reason === 'FinishedEarly' ? 'FinishedEarly' : 'Finished',
    step: report.training.steps,
    seconds: report.seconds.total,
    report: join(destination, runFiles.report),
  });
};

/** Two runs may name one place for their results: the second waits, and then replaces all of them. */
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

async function publishOne(
  { emit }: RoleContext,
  writer: ArtifactWriter,
  destination: string,
  facts: ArtifactFacts,
  reference: Tensor,
): Promise<RunReport['artifacts'][number]> {
  const { format, folder } = writer;
  const path = join(destination, folder);
  emit({ type: 'stage', stage: 'Export', state: 'Started', subject: format });
  const { bytes, reload } = await replaceFolder(path, async (partial) => {
    const written = await writer.write(partial);
    await writeFile(join(partial, 'README.md'), modelCard(facts, writer.format));
    const copy = await writer.reload(partial, facts.model.dtype);
    using _copyParameters = copy.parameters;
    return { bytes: written, reload: requireSame(writer, reference, copy) };
  });
  emit({ type: 'artifact', format, path, bytes, report: reload });
  emit({ type: 'stage', stage: 'Export', state: 'Done', subject: format });
  return { format, path, bytes, reload };
}

/** The forms that the job asks for; by default the adapter where there is one, else the model. */
function writersOf(facts: ArtifactFacts): readonly ArtifactWriter[] {
  const { formats, gguf } = facts.run.spec.output;
  const wanted = formats ?? [facts.model.adapter === null ? 'MergedSafetensors' : 'PEFTAdapter'];
  return [...new Set(wanted)].map((format) => {
    if (format === 'PEFTAdapter') return peftArtifact(facts);
    return format === 'GGUF' ? ggufArtifact(facts, gguf.type) : mergedArtifact(facts);
  });
}
