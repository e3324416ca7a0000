-- Decisions and tags that can be taken back as they were, and a place in the queue for everything that waits.
--
-- `was_claimed` says that a certificate was decided on although nobody had asked for that: its coach claimed it, and it goes back
-- to being claimed. Tags that were replaced by the last saving of a video are kept until the next one.

ALTER TABLE verifications ADD COLUMN was_claimed BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE video_tags ADD COLUMN replaced BOOLEAN NOT NULL DEFAULT false;

-- What was pending before there was a queue has waited longest: it comes first, by ids that lie before all others. Brand by
-- brand, because the policies hold for the owner, too.
DO $$
DECLARE
    brand BIGINT;
BEGIN
    FOR brand IN SELECT id FROM brands LOOP
        PERFORM set_config('app.brand_id', brand::text, true);
        INSERT INTO verifications (brand_id, id, coach_id, code, expires_on, state, submitted_at)
        SELECT brand, row_number() OVER (ORDER BY updated_at, coach_id, code, expires_on), coach_id, code, expires_on, 'pending',
               updated_at
        FROM (
            SELECT DISTINCT coaches.id AS coach_id, coaches.updated_at, held ->> 'code' AS code,
                   (held ->> 'expires_on')::date AS expires_on
            FROM coaches, jsonb_array_elements(coalesce(coaches.facts::jsonb -> 'holdings', '[]'::jsonb)) AS held
            WHERE coaches.brand_id = brand AND NOT coaches.erased AND held ->> 'state' = 'pending'
        ) AS waiting
        WHERE NOT EXISTS (
            SELECT 1 FROM verifications
            WHERE verifications.brand_id = brand AND verifications.coach_id = waiting.coach_id
              AND verifications.state = 'pending' AND verifications.code = waiting.code
              AND verifications.expires_on IS NOT DISTINCT FROM waiting.expires_on
        );
    END LOOP;
    PERFORM set_config('app.brand_id', '', true);
END
$$;
