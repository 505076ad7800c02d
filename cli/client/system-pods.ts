// The project's components in a cluster: by the labels of the chart, and by name for users who may
// get single objects of that namespace but not list them.

export function partsOf(component: 'operator' | 'nats'): string {
  return `app.kubernetes.io/name=anneal,app.kubernetes.io/component=${component}`;
}

/** The lease of operator leadership. */
export function leaseName(release: string): string {
  return `${fullName(release)}-operator`;
}

/** The servers of the bus are numbered. */
export function busPodName(release: string, index: number): string {
  return `${fullName(release)}-nats-${index}`;
}

/** The chart's full name of a release. */
function fullName(release: string): string {
  return release.includes('anneal') ? release : `${release}-anneal`;
}
