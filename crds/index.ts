// The public interface of the contract: schemas, plans, failures, messages between processes.
export * from './api/conditions.ts';
export type { DataSource, Dataset } from './api/dataset.ts';
export * from './api/job.ts';
export type { Method } from './api/method.ts';
export type { Model, ModelSource } from './api/model.ts';
export type { Output } from './api/output.ts';
export type { Destination, Source } from './api/source.ts';
export type { FineTuneJobStatus } from './api/status.ts';
export type { Schedule, Training } from './api/training.ts';
export { type Incompatibility, incompatibilities } from './combinations/compatibility.ts';
export type { Where } from './combinations/pair.ts';
export { refusedChanges } from './crd/mutability-rules.ts';
export { explainField, type FieldDoc, fieldDocs } from './explain/explain.ts';
export { explainMethod, type MethodDoc, methodNames } from './explain/explain-method.ts';
export * from './failures/errors.ts';
export * from './failures/table.ts';
export {
  formatProblems,
  type Manifest,
  type ParsedJob,
  type Problem,
  parseJob,
  parseManifest,
} from './manifest/manifest.ts';
export { methodInWords, methodName, methodStatus } from './methods/in-words.ts';
export { axisEntries, presets } from './methods/index.ts';
export { type ResolvedMethod, resolveMethod } from './methods/resolve.ts';
export * from './names/group.ts';
export * from './names/labels.ts';
export { programVersion } from './names/version.ts';
export { assignToRanks, sequencesPerStep, tokensPerSequence } from './plan/batches.ts';
export { digestOf } from './plan/digest.ts';
export { type JobPlan, type JobQuestion, type PreparedData, planJob } from './plan/job-plan.ts';
export { type MemoryPlan, type MemoryQuestion, planMemory, type TapeMode } from './plan/memory.ts';
export type { DecoderFacts, ModelFacts } from './plan/model-facts.ts';
export { parametersOf, trainedOf } from './plan/parameters.ts';
export { processorOf, unlimited } from './plan/processor.ts';
export { epochAt, learningRateAt, totalSteps } from './plan/steps.ts';
export { formatDecimal, parseDecimal } from './schema/decimal.ts';
export { compareQuantities, formatBytes, parseQuantity, type Quantity } from './schema/quantity.ts';
export { nearestName } from './text/nearest-name.ts';
export { type RunReport, runReport } from './wire/run-report.ts';
export * from './wire/telemetry.ts';
