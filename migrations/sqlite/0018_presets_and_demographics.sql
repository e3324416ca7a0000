-- By which presets a brand was last rescored, and what coaches say of themselves for the report on adverse impact.
--
-- Demographics stand apart from everything that a score is made from, and are read in two ways only: by the coach, their own;
-- and all together, by the report, which answers no one's. What is not said is missing, and a coach who has withdrawn
-- everything has no row.

CREATE TABLE presets_in_force (
    brand_id INTEGER NOT NULL REFERENCES brands (id),
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (brand_id, name),
    CONSTRAINT presets_in_force_content FOREIGN KEY (brand_id, hash) REFERENCES applied_presets (brand_id, hash)
) STRICT;

CREATE TABLE demographics (
    brand_id INTEGER NOT NULL,
    coach_id INTEGER NOT NULL,
    sex TEXT CHECK (sex IN ('female', 'male', 'other')),
    race_ethnicity TEXT CHECK (race_ethnicity IN
        ('hispanic', 'white', 'black', 'pacific', 'asian', 'native', 'several')),
    declared_at TEXT NOT NULL,
    PRIMARY KEY (brand_id, coach_id),
    CONSTRAINT demographics_coach FOREIGN KEY (brand_id, coach_id) REFERENCES coaches (brand_id, id),
    CONSTRAINT demographics_something CHECK (sex IS NOT NULL OR race_ethnicity IS NOT NULL)
) STRICT;
