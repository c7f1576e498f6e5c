/*
 * Loaded into a process of Postern (`--import`): the system gives it one process more, and then none, as where the limit on
 * processes is reached.
 */
import cluster from 'node:cluster'

if (cluster.isPrimary) {
  const fork = cluster.fork.bind(cluster)
  let count = 0
  cluster.fork = (...given) => {
    count += 1
    if (count > 1) throw Object.assign(new Error('canary: spawn'), { code: 'EAGAIN' })
    return fork(...given)
  }
}
