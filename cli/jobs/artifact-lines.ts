// A result of a job: its form, where it is, and how it was evaluated.
import type { FineTuneJobStatus } from '../../crds/index.ts';

type Artifact = NonNullable<FineTuneJobStatus['artifacts']>[number];

export function artifactLines({ type, uri, evaluation }: Artifact): readonly string[] {
  return [`${type}: ${uri}`, ...(evaluation === undefined ? [] : [`  ${evaluation}`])];
}
