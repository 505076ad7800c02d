// The files of the base of a server: used where they lie, or fetched.
import type { ServeSettings } from '../../crds/serve/settings.ts';
import { fetchReporter } from '../prepare/progress.ts';
import { type ResolvedSource, resolveModel } from '../prepare/resolve-source.ts';
import { systemNetwork } from '../remote/network.ts';
import { type SourceEnvironment, sourceEnvironment } from '../remote/source-environment.ts';
import type { RoleContext } from '../role.ts';

type Settings = Pick<ServeSettings, 'model' | 'cache' | 'folder' | 'volumes'>;

export async function resolveBase(
  settings: Settings,
  context: RoleContext,
): Promise<ResolvedSource> {
  const { emit, stop } = context;
  emit({ type: 'stage', stage: 'Resolve', state: 'Started', subject: 'model' });
  const environment = await baseEnvironment(settings, context);
  const source = await resolveModel(settings.model, environment, stop);
  emit({ type: 'stage', stage: 'Resolve', state: 'Done', subject: 'model', note: source.origin });
  return source;
}

export function baseEnvironment(
  settings: Settings,
  { config, clock, emit }: RoleContext,
): Promise<SourceEnvironment> {
  return sourceEnvironment({
    variables: config.variables,
    cache: settings.cache,
    jobFolder: settings.folder,
    volumes: new Map(Object.entries(settings.volumes)),
    network: systemNetwork(clock, emit),
    report: fetchReporter('model', emit, clock),
  });
}
