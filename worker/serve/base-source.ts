// The files of the base of a server: used where they lie, or fetched.
import type { ServeSettings } from '../../crds/serve/settings.ts';
import { environmentOf } from '../prepare/environment.ts';
import { type ResolvedSource, resolveModel } from '../prepare/resolve-source.ts';
import type { RoleContext } from '../role.ts';

type Settings = Pick<ServeSettings, 'model' | 'cache' | 'folder' | 'volumes'>;

export async function resolveBase(
  settings: Settings,
  context: RoleContext,
): Promise<ResolvedSource> {
  const { emit, stop } = context;
  emit({ type: 'stage', stage: 'Resolve', state: 'Started', subject: 'model' });
  const environment = await environmentOf(settings, context, 'model');
  const source = await resolveModel(settings.model, environment, stop);
  emit({ type: 'stage', stage: 'Resolve', state: 'Done', subject: 'model', note: source.origin });
  return source;
}
