/** `npm run cluster -- up | down | build`: the test cluster by hand, to look at it between runs. */
import { join } from 'node:path';
import { attempt } from '../../../cli/setup/attempt.ts';
import { UserError } from '../../../crds/failures/errors.ts';
import { clusterVariables, startCluster, takeDown } from './cluster.ts';
import { ensurePrograms } from './programs.ts';

await attempt(async (setup) => {
  const [verb = 'up'] = process.argv.slice(2);
  switch (verb) {
    case 'build':
      setup.steps.note(await ensurePrograms(setup));
      return 0;
    case 'up': {
      const { env } = await startCluster(setup);
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      const programs = env[clusterVariables.programs];
      const kubeconfig = env[clusterVariables.kubeconfig];
      setup.steps.note(`export ${variables.join(' ')}`);
      if (programs !== undefined) {
        setup.steps.note(`export KUBECONFIG=${kubeconfig} PATH=${join(programs, 'bin')}:$PATH`);
      }
      return 0;
    }
    case 'down':
      await takeDown(setup);
      return 0;
    default: {
      const message = `the verb is "${verb}"; it must be up, down or build`;
      throw new UserError({ code: 'E_USAGE', message });
    }
  }
});
