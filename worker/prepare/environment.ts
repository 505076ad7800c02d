// What a role fetches with, by where its work lies.
import { systemNetwork } from '../remote/network.ts';
import { type SourceEnvironment, sourceEnvironment } from '../remote/source-environment.ts';
import type { RoleContext } from '../role.ts';
import { fetchReporter } from './progress.ts';

interface Place {
  readonly cache: string;
  /** That relative paths count from. */
  readonly folder: string;
  readonly volumes: Readonly<Record<string, string>>;
}

/** `subject`: in messages about progress; null where there are none. */
export function environmentOf(
  { cache, folder, volumes }: Place,
  { config, clock, emit }: Pick<RoleContext, 'config' | 'clock' | 'emit'>,
  subject: string | null,
): Promise<SourceEnvironment> {
  return sourceEnvironment({
    ...{ variables: config.variables, cache, jobFolder: folder },
    volumes: new Map(Object.entries(volumes)),
    network: systemNetwork(clock, emit),
    report: subject === null ? () => {} : fetchReporter(subject, emit, clock),
  });
}
