-- Decisions and tags that can be taken back as they were, and a place in the queue for everything that waits.
--
-- `was_claimed` says that a certificate was decided on although nobody had asked for that: its coach claimed it, and it goes back
-- to being claimed. Tags that were replaced by the last saving of a video are kept until the next one.

ALTER TABLE verifications ADD COLUMN was_claimed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE video_tags ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;

-- What was pending before there was a queue has waited longest: it comes first, by ids that lie before all others.
INSERT INTO verifications (brand_id, id, coach_id, code, expires_on, state, submitted_at)
SELECT brand_id, row_number() OVER (PARTITION BY brand_id ORDER BY updated_at, coach_id, code, expires_on), coach_id, code,
       expires_on, 'pending', updated_at
FROM (
    SELECT DISTINCT coaches.brand_id, coaches.id AS coach_id, coaches.updated_at,
           json_extract(held.value, '$.code') AS code, json_extract(held.value, '$.expires_on') AS expires_on
    FROM coaches, json_each(coaches.facts, '$.holdings') AS held
    WHERE coaches.erased = 0 AND json_extract(held.value, '$.state') = 'pending'
) AS waiting
WHERE NOT EXISTS (
    SELECT 1 FROM verifications
    WHERE verifications.brand_id = waiting.brand_id AND verifications.coach_id = waiting.coach_id
      AND verifications.state = 'pending' AND verifications.code = waiting.code
      AND verifications.expires_on IS waiting.expires_on
);
