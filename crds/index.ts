// The public door of the contract: what a job is, what it means, what processes say to each other.
export * from './api/conditions.ts';
export type { DataSource, Dataset } from './api/dataset.ts';
export * from './api/job.ts';
export type { Method } from './api/method.ts';
export type { Model, ModelSource } from './api/model.ts';
export type { Output } from './api/output.ts';
export type { Destination, Source } from './api/source.ts';
export type { FineTuneJobStatus } from './api/status.ts';
export type { Schedule, Training } from './api/training.ts';
export { type Incompatibility, incompatibilities, type Where } from './compatibility.ts';
export { formatDecimal, parseDecimal } from './decimal.ts';
export * from './errors.ts';
export { explainField, type FieldDoc, fieldDocs } from './explain.ts';
export { explainMethod, type MethodDoc, methodNames } from './explain-method.ts';
export * from './failures.ts';
export * from './group.ts';
export * from './labels.ts';
export {
  formatProblems,
  type Manifest,
  type ParsedJob,
  type Problem,
  parseJob,
  parseManifest,
} from './manifest.ts';
export { methodInWords, methodName, methodStatus } from './methods/in-words.ts';
export { presets, seamEntries } from './methods/index.ts';
export { type ResolvedMethod, resolveMethod } from './methods/resolve.ts';
export { refusedChanges } from './mutability-rules.ts';
export { nearestName } from './nearest-name.ts';
export { assignToRanks, sequencesPerStep, tokensPerSequence } from './plan/batches.ts';
export { type DecoderFacts, decoderFacts } from './plan/decoder-facts.ts';
export { digestOf } from './plan/digest.ts';
export { type JobPlan, type JobQuestion, type PreparedData, planJob } from './plan/job-plan.ts';
export { type MemoryPlan, type MemoryQuestion, planMemory, type TapeMode } from './plan/memory.ts';
export { parametersOf, trainedOf } from './plan/parameters.ts';
export { processorOf, unlimited } from './plan/processor.ts';
export { epochAt, learningRateAt, totalSteps } from './plan/steps.ts';
export { compareQuantities, formatBytes, parseQuantity, type Quantity } from './quantity.ts';
export { programVersion } from './version.ts';
export { type RunReport, runReport } from './wire/run-report.ts';
export * from './wire/telemetry.ts';
