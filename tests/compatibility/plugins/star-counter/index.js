export const runEveryMinute = async ({ cache, config }) => {
    const response = await fetch(`${config.host}/repos/${config.repo}`, config.token ? { headers: { Authorization: config.token } } : {})
    const { stargazers_count: stars, open_issues_count: issues } = await response.json()
    const last = await cache.get('stars', null)
    if (stars !== last) await posthog.capture('Stars', { stars, issues, previous: last })
    await cache.set('stars', stars)
}
