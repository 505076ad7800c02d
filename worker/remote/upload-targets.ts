// The upload destinations and their credentials, resolved before anything is written, so that a
// missing token is reported at once.
import type { FineTuneJobSpec } from '../../crds/api/job.ts';
import { UserError } from '../../crds/failures/errors.ts';
import type { Bucket } from './bucket-client.ts';
import { bucketCredentials, hubToken } from './credentials.ts';
import type { HubRepository } from './hub.ts';
import type { SourceEnvironment } from './source-environment.ts';

export interface HubDestination extends HubRepository {
  readonly token: string;
  readonly visibility: 'private' | 'public';
}

export interface UploadTargets {
  readonly bucket: Bucket | undefined;
  readonly hub: HubDestination | undefined;
}

export function uploadTargets(
  { output }: FineTuneJobSpec,
  environment: SourceEnvironment,
): UploadTargets {
  const { destination, pushToHub } = output;
  return {
    bucket: destination?.s3 && bucketOf(destination.s3, environment),
    hub: pushToHub && hubOf(pushToHub, environment),
  };
}

type Output = FineTuneJobSpec['output'];

function bucketOf(
  s3: NonNullable<NonNullable<Output['destination']>['s3']>,
  environment: SourceEnvironment,
): Bucket {
  const field = 'spec.output.destination.s3';
  const credentials = bucketCredentials(s3.credentialsSecretRef, field, environment);
  return {
    uri: s3.uri.replace(/\/+$/, ''),
    endpoint: s3.endpoint,
    region: s3.region ?? environment.region,
    credentials: credentials?.value,
    credentialsName: credentials?.name,
    field,
    access: 'Write',
  };
}

function hubOf(
  push: NonNullable<Output['pushToHub']>,
  environment: SourceEnvironment,
): HubDestination {
  const field = 'spec.output.pushToHub';
  const token = hubToken(push.tokenSecretRef, `${field}.tokenSecretRef`, environment);
  if (token === undefined) {
    throw new UserError({
      code: 'E_HUB_UNAUTHORIZED',
      message: `${push.repository} needs a token that may write, and none is set`,
      hint: 'set tokenSecretRef beside repository, or HF_TOKEN for a local run',
      path: field,
      value: push.repository,
    });
  }
  return {
    endpoint: environment.hubEndpoint,
    type: 'model',
    repository: push.repository,
    revision: push.revision,
    token: token.value,
    tokenName: token.name,
    field,
    visibility: push.visibility === 'Private' ? 'private' : 'public',
  };
}
