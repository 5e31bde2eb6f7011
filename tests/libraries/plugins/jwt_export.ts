// Signs in with a key of a service account, keeps the token in the cache, and posts what happened.
import jwt from 'jsonwebtoken'
import fetch from 'node-fetch'
import { RetryError } from '@posthog/plugin-scaffold'

export function setupPlugin({ attachments, global }) {
    global.account = JSON.parse(attachments.serviceAccount.contents)
}

async function token({ cache, config, global }) {
    const cached = await cache.get('token', null)
    if (cached) {
        return cached
    }
    const now = Math.floor(Date.now() / 1000)
    const assertion = jwt.sign(
        { iss: global.account.client_email, scope: 'events', aud: config.tokenUrl, iat: now, exp: now + 3600 },
        global.account.private_key,
        { algorithm: 'RS256' }
    )
    const response = await fetch(config.tokenUrl, {
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=${assertion}`,
    })
    if (!response.ok) {
        throw new RetryError(`no token: ${response.status}`)
    }
    const { access_token: fresh, expires_in: seconds } = await response.json()
    cache.set('token', fresh, seconds - 10)
    return fresh
}

export async function exportEvents(events, meta) {
    let response
    try {
        response = await fetch(meta.config.url, {
            method: 'POST',
            headers: { Authorization: `Bearer ${await token(meta)}` },
            body: JSON.stringify(events.map(({ properties }) => properties.number)),
            timeout: 500,
        })
    } catch (error) {
        throw new RetryError(error.message)
    }
    if (response.status === 401) {
        await meta.cache.set('token', null)
    }
    if (!response.ok) {
        throw new RetryError(`status ${response.status}`)
    }
}
