// Turns refusals of a hub into errors. The status alone is misleading (a missing repository also
// gets 401), so the hub's own X-Error-Code decides first. Tokens are named, never shown.

import type { Clock } from '../../crds/clock.ts';
import { type AnnealError, TransientError, UserError } from '../../crds/failures/errors.ts';
import { isTransientStatus, retryAfterMs } from './http.ts';

export interface HubTarget {
  readonly endpoint: string;
  readonly type: 'model' | 'dataset';
  readonly repository: string;
  readonly revision: string;
  /** Origin of the token: "Secret hub, key token" or "HF_TOKEN"; undefined without one. */
  readonly tokenName?: string | undefined;
  /** The field of the job that names the repository. */
  readonly field?: string | undefined;
}

export function hubError(
  response: Response,
  target: HubTarget,
  file: string | undefined,
  clock: Clock,
): AnnealError {
  const { repository, revision, type } = target;
  const { status } = response;
  const code = response.headers.get('x-error-code');
  const path = target.field;
  const what = file === undefined ? repository : `${file} of ${repository}`;
  if (isTransientStatus(status)) {
    return new TransientError({
      code: 'E_HUB_UNAVAILABLE',
      message: `${new URL(target.endpoint).host} answered ${status} for ${what}`,
      retryAfterMs: retryAfterMs(response.headers, clock),
    });
  }
  if (code === 'RevisionNotFound') {
    const message = `${repository} has no revision ${revision}`;
    return new UserError({ code: 'E_SOURCE_NOT_FOUND', message, path, value: revision });
  }
  if (code === 'EntryNotFound') {
    const message = `${repository} has no file ${file} at revision ${revision}`;
    return new UserError({ code: 'E_SOURCE_NOT_FOUND', message, path });
  }
  if (code === 'GatedRepo') return gated(target);
  if (code === 'RepoNotFound' || status === 404) {
    return new UserError({
      code: 'E_SOURCE_NOT_FOUND',
      message: `${type} ${repository} does not exist on ${new URL(target.endpoint).host}, or ${
        target.tokenName
          ? `${target.tokenName} may not see it`
          : 'it is private and no token is set'
      }`,
      hint: `check the name${target.tokenName ? '' : `; ${howToSetAToken}`}`,
      path,
      value: repository,
    });
  }
  return refused(response, target, what);
}

const howToSetAToken = 'set tokenSecretRef beside repository, or HF_TOKEN for a local run';

function gated(target: HubTarget): UserError {
  const { repository, tokenName } = target;
  return new UserError({
    code: 'E_LICENSE_NOT_ACCEPTED',
    message: `${repository} is gated and ${
      tokenName ? `the owner of ${tokenName} was not given access` : 'no token is set'
    }; its terms must be accepted first`,
    hint: `accept the terms at ${target.endpoint}/${repository}${tokenName ? '' : `, then ${howToSetAToken}`}`,
    path: target.field,
    value: repository,
  });
}

function refused(response: Response, target: HubTarget, what: string): UserError {
  const { tokenName } = target;
  const said = response.headers.get('x-error-message');
  const because = said ? ` (${said.slice(0, 200)})` : '';
  const facts = { path: target.field, value: target.repository };
  if (response.status === 401) {
    return new UserError({
      ...facts,
      code: 'E_HUB_UNAUTHORIZED',
      message: tokenName
        ? `${tokenName} is not accepted by ${new URL(target.endpoint).host} for ${what}${because}`
        : `${what} needs a token and none is set`,
      hint: tokenName ? `put a valid token into ${tokenName}` : howToSetAToken,
    });
  }
  return new UserError({
    ...facts,
    code: 'E_HUB_FORBIDDEN',
    message: `${tokenName ?? 'a reader without a token'} may not read ${what}; the hub answered ${
      response.status
    }${because}`,
  });
}
